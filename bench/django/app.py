# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The same GET with Django REST framework on the same table: the least that its documentation needs, tuned as it
advises (no debug, no middleware, no admin, persistent connections, JSON only)."""

import os

import django
from django.conf import settings

settings.configure(
    DEBUG=False,
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[],
    INSTALLED_APPS=["rest_framework"],
    USE_TZ=True,
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "NAME": os.environ["BENCH_DATABASE"], "USER": "lonja",
        "HOST": os.environ["BENCH_HOST"], "CONN_MAX_AGE": None}},
    REST_FRAMEWORK={
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_AUTHENTICATION_CLASSES": [], "DEFAULT_PERMISSION_CLASSES": [], "UNAUTHENTICATED_USER": None},
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import models  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import generics, serializers  # noqa: E402


class Product(models.Model):
    code = models.CharField(max_length=64, primary_key=True)
    description = models.TextField()
    buying_price = models.DecimalField(max_digits=12, decimal_places=2)
    selling_price = models.DecimalField(max_digits=12, decimal_places=2)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    version = models.BigIntegerField()
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "bench"
        managed = False
        db_table = "product"


class ProductSerializer(serializers.ModelSerializer):
    class Meta:
        model = Product
        fields = ["code", "description", "buying_price", "selling_price", "created_at", "updated_at", "version"]


class ProductView(generics.RetrieveAPIView):
    queryset = Product.objects.filter(deleted_at=None)
    serializer_class = ProductSerializer


urlpatterns = [path("api/products/<str:pk>", ProductView.as_view())]
application = get_wsgi_application()
